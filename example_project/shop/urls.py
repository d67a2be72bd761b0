"""The shop's URLs."""

from __future__ import annotations

from django.contrib.auth import views as auth_views
from django.urls import path

from example_project.shop import legal, views

app_name = "shop"

urlpatterns = [
    path("", views.catalogue, name="catalogue"),
    path("products/<slug:slug>/", views.product, name="product"),
    path("cart/", views.cart, name="cart"),
    path("cart/add/<slug:slug>/", views.add_to_cart, name="add"),
    path("cart/change/<slug:slug>/", views.change_cart, name="change"),
    path("cart/checkout/", views.checkout, name="checkout"),
    path("currency/", views.choose_currency, name="currency"),
    path("orders/", views.orders, name="orders"),
    path("orders/open/<str:token>/", views.open_order, name="open-order"),
    path("orders/<str:number>/", views.order, name="order"),
    path("orders/<str:number>/pay/", views.pay, name="pay"),
    path("orders/<str:number>/cancel-subscription/", views.cancel_subscription, name="cancel-subscription"),
    path("legal/<slug:kind>/", legal.legal, name="legal"),
    path("account/login/", auth_views.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("account/logout/", auth_views.LogoutView.as_view(), name="logout"),
]
